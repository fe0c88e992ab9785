"""Answers as tables for those who prefer sheets: CSV, XLSX, Label Studio JSON, out and in again."""
