"""The Zoho Books twin: accounts server and Books API v3 on one port."""
