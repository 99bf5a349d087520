"""Why a network says what it says."""
