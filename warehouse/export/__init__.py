"""The finished tables in the forms people use. Each module renders a form and its values; none of them counts."""
