"""From the contract to the use cases. Each resolver has three steps: who asks, call the use case, give what it gave."""
