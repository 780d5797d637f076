"""What tests share: a running gateway, requests in a line, errors with their details unpacked."""
