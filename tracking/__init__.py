"""What happened: clicks, reports, conversions, the judgements about them and the word sent out."""
