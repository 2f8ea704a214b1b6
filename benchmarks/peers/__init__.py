"""Other ways to the same result: PEFT as its documentation shows it, PEFT as an expert uses it, the published loop."""
