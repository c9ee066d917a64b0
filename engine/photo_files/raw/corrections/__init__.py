"""What a DNG asks for between the sensor's numbers and the picture, and sensor pixels that are wrong."""
