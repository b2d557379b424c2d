"""What a run logs to MLflow. Never a claim's values: aggregate figures only."""
