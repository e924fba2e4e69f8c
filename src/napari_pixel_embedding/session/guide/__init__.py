"""The look at a result, and the next step that is offered."""
