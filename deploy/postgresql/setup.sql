-- Once, on the new server: sudo -u postgres psql -f setup.sql. deploy/prepare fills in the passwords.
CREATE ROLE matinee LOGIN PASSWORD 'CHANGE_DATABASE';
CREATE DATABASE matinee OWNER matinee;
CREATE ROLE matinee_replica LOGIN REPLICATION PASSWORD 'CHANGE_REPLICA';
