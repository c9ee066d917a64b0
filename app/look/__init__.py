"""How things look and read: theme, texts in the person's language, pictures as Qt has them."""
