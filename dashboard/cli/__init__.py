"""The shell's door: flask jobs …"""
