"""The demo city: made-up enterprises in real counties, so that a fresh machine shows a living wall. All of it is 样例."""
