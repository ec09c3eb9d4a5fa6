"""The parts of the sidecar; ../glue_modal.py starts it."""
