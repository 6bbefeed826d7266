.read loss-epoch.sql
