SELECT token, at_ms FROM token_use WHERE token IN (SELECT value FROM json_each($1))
