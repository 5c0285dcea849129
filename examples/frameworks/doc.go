// Package frameworks holds recipes for frameworks that are common in China, each in
// a package of its own.
package frameworks
