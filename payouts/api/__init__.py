"""The REST API of payouts: for each noun its serializers, filters and views, side by side."""
