package auth_test

// server is the base URL of the logins in tests.
const server = "https://engram.example.com"
