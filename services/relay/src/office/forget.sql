update place set epoch = epoch + 1, log = null, partitions = null, cursor = null, published = null where only_row = 1
