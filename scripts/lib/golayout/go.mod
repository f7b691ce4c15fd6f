module gort.test/golayout

go 1.22
