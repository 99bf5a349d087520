"""Tasks: the one place that knows what is predicted: last layer, loss, decoding, what to monitor."""

from radcnn.tasks.contract import Task
from radcnn.tasks.table2 import TABLE_2, LastLayer, Pair, make_task, planned_task, task_plan

__all__ = ["TABLE_2", "LastLayer", "Pair", "Task", "make_task", "planned_task", "task_plan"]
