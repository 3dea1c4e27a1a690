"""What a router needs: cells, asked over HTTP. It has no database and none of the other parts."""

from adapters.cells import CLIENT, SECRET, Cell, Cells

__all__ = ["CLIENT", "SECRET", "Cell", "Cells"]
