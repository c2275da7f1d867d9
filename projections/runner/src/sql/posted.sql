select generation, node, building, trouble from standing where view = $1 and version = $2
