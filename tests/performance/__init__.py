"""What an operation costs in statements, and that lists cost no more for many than for one."""
