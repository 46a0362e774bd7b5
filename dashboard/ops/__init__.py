"""The door for machines that run the service: health. Nothing here changes a job."""
