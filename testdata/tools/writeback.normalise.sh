# Time and duration; work for devices that both saw from its start.
sed -nE '/^TIME/p; s/^[0-9:]{8}  (.* +)[0-9]+\.[0-9]{3}$/TIME \1MS/p'
