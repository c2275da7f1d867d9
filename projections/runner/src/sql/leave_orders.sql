-- Those that a holder began and did not answer before it was lost.
update asked set answer = $3 where view = $1 and version = $2 and is_taken and answer is null
