module seed

go 1.25
