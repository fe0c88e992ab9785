"""What nastdata's LLM writers are measured against: a counting server, a loop, a library."""
