-- The role and the two databases of the tracking server. Run once, as PostgreSQL's superuser, with PGPASSWORD from
-- secrets.env in the environment; the password is read from there and stands on no command line.
\set ON_ERROR_STOP on
\getenv password PGPASSWORD
SET password_encryption = 'scram-sha-256';
-- The statement that holds the password is not written to the server's log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
CREATE ROLE mlflow LOGIN PASSWORD :'password';
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE mlflow_auth OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE mlflow, mlflow_auth FROM PUBLIC;
