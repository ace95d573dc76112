# Sourced by a test that runs TLS servers: a certificate for localhost, signed by itself, as cert.pem
# and key.pem of the working directory.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem \
    -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
