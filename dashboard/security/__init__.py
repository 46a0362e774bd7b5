"""The checks of every request, the roles of clients, and sign-in. Nothing here renders a page."""
