"""How fast mailsvc is, beside what else there is: docs/performance.md."""
