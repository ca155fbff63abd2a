def chrome(request): return {}
