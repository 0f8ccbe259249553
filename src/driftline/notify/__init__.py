"""What a record of the alerts topic means for people: who is told, when, in which words; pure logic."""
