// Package chaos is what goes wrong in the tests of the controllers: managers that are killed after any of their writes, or stopped
// between what they read and what they write; answers that are lost; watches that stand still, drop events and break off.
//
// The managers run in the test's process (Manage), against a real API server. What goes wrong is a Fault on the way of a request to it:
// a Fuse, a Chance, a Lens or a Gate has one, and And joins them. EachWrite has a story told with a manager that is killed after each
// of the writes that the story takes. A View is what a test sees of a namespace: every version of every object, in order.
package chaos
