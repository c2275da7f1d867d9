update place set log = $2, partitions = $3, cursor = $4, published = $5 where only_row = 1 and epoch = $1
