package spelling

import "strings"

// longest is how many bytes of a word are looked at: what is longer is no misspelling, and takes time.
const longest = 100

// Closest is the word that is most like another one, "" if none is: one letter is another, missing or too many, or two of a word of eight or
// more. Upper case, '_' and '-' make no difference.
func Closest(word string, words []string) string {
	best, distance := "", 3
	for _, candidate := range words {
		if n := edits(folded(word), folded(candidate)); n < distance && n <= max(1, len(candidate)/4) {
			best, distance = candidate, n
		}
	}
	return best
}

// folded makes dependsOn, depends-on and depends_on the same.
func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s[:min(len(s), longest)]))
}

// edits is the number of bytes to insert, remove or replace to get from a to b (Levenshtein's distance, by rows).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for k := range len(b) {
			change := diagonal
			if a[i] != b[k] {
				change++
			}
			diagonal = row[k+1]
			row[k+1] = min(change, row[k]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
