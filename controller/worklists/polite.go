package worklists

import (
	"fmt"

	"teamtask.dev/worklist"
)

// mostBlocks is in how many Blocks a list is handed out at most, failures aside. Each costs the API server two to five writes:
// at 10,000 Blocks some minutes of its time for the whole list, however long that is.
const mostBlocks = 10_000

// polite sizes blocks for an API server: where the list's own would be too many, several go out together in one Block, and the
// workers of `teamtask work` do them one by one. It says so.
func polite(p worklist.BlockPolicy, size int64) (worklist.BlockPolicy, string) {
	least := (size + mostBlocks - 1) / mostBlocks
	switch {
	case p.Size > 0 && p.Size < least:
		of := p.Size
		p.Size = (least + of - 1) / of * of
		return p, fmt.Sprintf("blocks of %d items would be %d Blocks, too many for the API server: Blocks of %d are handed out, and workers share them out in blocks of %d",
			of, (size+of-1)/of, p.Size, of)
	case p.Size == 0 && max(1, p.Min) < least:
		p.Min = least
		if p.Max > 0 { // 0 is no bound
			p.Max = max(p.Max, least)
		}
		if least > 1 {
			return p, fmt.Sprintf("no Block has fewer than %d items, to spare the API server", least)
		}
	}
	return p, ""
}
