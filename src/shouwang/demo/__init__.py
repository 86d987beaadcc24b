"""The demo city: made-up enterprises in real counties, so that a fresh machine shows life. All of it is 样例."""
