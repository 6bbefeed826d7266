.read gtopk/delta.sql
