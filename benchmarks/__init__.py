"""Ratios against real peers in the same run, and measurements of this project; results/ keeps the numbers."""
