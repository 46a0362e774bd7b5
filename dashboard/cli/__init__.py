"""The shell's door: the command jobqueue, and flask jobs …"""
