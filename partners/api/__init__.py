"""The REST API of partners: for each noun its serializers, filters and views, side by side."""
