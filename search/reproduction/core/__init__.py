"""What the tables share: experiments, the process pool that runs them, intervals and verdicts, the page."""
