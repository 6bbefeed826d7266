.read loss-bits.sql
