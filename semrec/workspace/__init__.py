"""What a process holds open of a workspace, and the steps that change it."""
