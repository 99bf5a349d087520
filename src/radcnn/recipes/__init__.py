"""The review's systems as recipes: data, plan, what they are compared with, and what their papers report."""
