// Package spelling finds what somebody meant who wrote another word.
//
//	spelling.Closest("dependsOn", []string{"depends_on", "image"}) // "depends_on"
package spelling
