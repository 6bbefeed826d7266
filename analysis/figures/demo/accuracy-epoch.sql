.read accuracy-epoch.sql
