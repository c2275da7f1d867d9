update store set master_key_fingerprint = $1 where only_row = 1
