"""From a question to an answer: the pipeline that every recommendation goes through."""
