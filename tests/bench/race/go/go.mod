module race

go 1.22
